/** `npm run demo`: provisions real databases from a manifest, and asks the server afterwards. `--help` says more. */
import path from 'node:path';
import { isReeveError } from '../../src/index.ts';
import { helpText, parseDemoOptions, UsageError, type DemoOptions } from './demo-options.ts';
import { interruption } from './interruption.ts';
import { readManifest } from './manifest.ts';
import { runDemo } from './run-demo.ts';
import { holdOpen } from './hold-open.ts';

const defaultManifest = path.relative(process.cwd(), path.join(import.meta.dirname, 'databases.yaml'));

async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions | undefined;
  const stop = interruption();
  try {
    options = parseDemoOptions(args, defaultManifest);
    if (options.help) {
      process.stdout.write(helpText);
      return 0;
    }
    if (options.open !== undefined) return await holdOpen(options.open, stop.signal);
    return await runDemo(await readManifest(options.manifest), options, stop.signal);
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    return failed(error, options?.json ?? args.includes('--json'));
  } finally {
    stop.release();
  }
}

/** Says what went wrong, without a stack: what people need is in the message. */
function failed(error: unknown, json: boolean): number {
  const exitCode = error instanceof UsageError || isReeveError(error, 'MANIFEST_INVALID') ? 2 : 1;
  const message = Error.isError(error) ? error.message : String(error);
  const code = isReeveError(error) ? error.code : exitCode === 2 ? 'USAGE' : 'DEMO_FAILED';
  const next = isReeveError(error) ? error.next : exitCode === 2 ? 'npm run demo -- --help' : '';
  process.stderr.write(`${message}\n${next === '' ? '' : `${next}\n`}`);
  if (json) {
    const problems = isReeveError(error) ? (error.details['problems'] ?? [message]) : [message];
    const verdict = { ok: false, exitCode, problems };
    process.stdout.write(`${JSON.stringify({ error: { code, message }, verdict }, undefined, 2)}\n`);
  }
  return exitCode;
}

process.exitCode = await main(process.argv.slice(2));
