/** Loaded before everything else in the processes of a sabotaged run: rewrites sources as they are loaded. */
import { registerHooks } from 'node:module';
import { edited, sabotages } from './sabotages.ts';

const root = new URL('../../', import.meta.url).href;
const sabotage = sabotages.find(({ name }) => name === process.env['CHAOS_SABOTAGE']);
if (sabotage === undefined) throw new Error('CHAOS_SABOTAGE names no sabotage');

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const edits = sabotage.edits.filter(({ file }) => url === `${root}${file}`);
    if (edits.length === 0) return loaded;
    const source = loaded.source;
    if (source === undefined) throw new Error(`${url} was loaded without its text`);
    const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
    return { ...loaded, source: edits.reduce(edited, text) };
  },
});
