/**
 * One try of what isolated-vm alone lets through: `node --no-node-snapshot isolate-probe.ts CASE`. Prints a line before and one
 * after; what it is limited to is `timeout` 300 ms and `memoryLimit` 32 MB.
 */
import ivm from 'isolated-vm';

const cases: Record<string, string> = {
  bigint: `(7n ** (2n ** 24n)).toString().length`,
  pending: `new Promise(() => {})`,
  getter: `throw { get message() { for (;;); } }`,
  spread: `[...'.'.repeat(5e8)].length`,
  wasm: `new WebAssembly.Memory({ initial: 8000 }).buffer.byteLength`,
  result: `'x'.repeat(200_000_000)`,
  error: `throw new Error('x'.repeat(30_000_000))`,
};
const name = process.argv[2] ?? '';
const isolate = new ivm.Isolate({ memoryLimit: 32 });
const context = await isolate.createContext();
process.stdout.write('begun\n');
// Else the process would end for want of anything to wait for.
const alive = setInterval(() => undefined, 1_000);
const answer = await context.eval(cases[name] ?? '', { timeout: 300, promise: name === 'pending', copy: true }).then(
  (value: unknown) => ({ value: typeof value === 'string' ? value.length : value }),
  (error: unknown) => ({ error: Error.isError(error) ? error.message.length : typeof error }),
);
clearInterval(alive);
process.stdout.write(JSON.stringify({ ...answer, maxRssMb: process.resourceUsage().maxRSS / 1_024 }));
