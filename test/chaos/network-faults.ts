import { setTimeout as pause } from 'node:timers/promises';
import type { TestRandom } from '../support/random.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import type { Fault } from './fault.ts';
import { beside, pick } from './process-faults.ts';

type Bad = (proxy: TcpProxy, random: TestRandom) => Promise<void>;

/** What happens on the way of one process to one of its servers. */
function onTheWay(what: Bad): Fault {
  return async (place) => {
    const one = pick(place, undefined);
    if (one === undefined) return;
    const proxy = place.random.pick(one.ways.proxies);
    beside(one, () => what(proxy, place.random));
  };
}

export const late = onTheWay(async (proxy, random) => {
  const ms = random.int(1_000, 4_000);
  proxy.latencyMs = random.int(5, 80);
  await pause(ms);
  proxy.latencyMs = 0;
});

export const reset = onTheWay(async (proxy) => proxy.reset());

/** Shorter than a lease or longer; then what was held up arrives after all, or the connections are reset. */
export const silent = onTheWay(async (proxy, random) => {
  const ms = random.int(200, 4_000);
  const afterwards = random.pick(['go on', 'reset'] as const);
  proxy.silence();
  await pause(ms);
  proxy.speak(afterwards);
});

/** Nobody ever says that the connections of before are dead; new ones work. */
export const halfOpen = onTheWay(async (proxy, random) => {
  const ms = random.int(0, 500);
  proxy.silence();
  await pause(ms);
  proxy.speak('stay dead');
});
