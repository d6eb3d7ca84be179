import { shown } from '../shown-path.ts';
import { exitCodes } from '../exit-codes.ts';
import type { StopSignal } from '../stop-signals.ts';
import { notice } from '../terminal.ts';
import { startAppProcess, type AppProcess, type AppProcessOptions } from './app-process.ts';
import type { SourceWatch } from './watch-sources.ts';

type Next =
  | { readonly kind: 'stop' }
  | { readonly kind: 'changed'; readonly file: string }
  | { readonly kind: 'ended'; readonly code: number };

/**
 * Keeps the app running until it is to stop, and answers the exit code. With sources to watch, a change stops the app
 * gracefully and starts it anew, and an app that failed waits for the next change; without, its end is the end.
 */
export async function superviseApp(
  options: AppProcessOptions,
  stop: StopSignal,
  sources: SourceWatch | undefined,
): Promise<number> {
  const stopAsked = stop.asked.then((): Next => ({ kind: 'stop' }));
  const nextChange = (): Promise<Next>[] =>
    sources === undefined ? [] : [sources.next().then((file) => ({ kind: 'changed', file }))];
  while (!stop.isAsked()) {
    const app = startAppProcess(options);
    const next = await Promise.race([stopAsked, ended(app), ...nextChange()]);
    if (next.kind === 'stop') return app.stop();
    if (next.kind === 'changed') {
      notice(`${shown(next.file)} changed: restarting`);
      await app.stop();
      continue;
    }
    if (sources === undefined) return next.code;
    notice('the app ended; waiting for a change of its sources (Ctrl+C to stop)');
    const change = await Promise.race([stopAsked, ...nextChange()]);
    if (change.kind === 'changed') notice(`${shown(change.file)} changed: starting`);
  }
  return exitCodes.ok;
}

async function ended(app: AppProcess): Promise<Next> {
  return { kind: 'ended', code: await app.ended };
}
