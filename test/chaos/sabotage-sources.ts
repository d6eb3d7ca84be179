import { registerHooks } from 'node:module';
import { edited, type Edit } from './sabotages.ts';

const root = new URL('../../', import.meta.url).href;

/** Rewrites sources as they are loaded, in this process and from now on. */
export function sabotageSources(all: readonly Edit[]): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const edits = all.filter(({ file }) => url === `${root}${file}`);
      if (edits.length === 0) return loaded;
      const source = loaded.source;
      if (source === undefined) throw new Error(`${url} was loaded without its text`);
      const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
      return { ...loaded, source: edits.reduce(edited, text) };
    },
  });
}
