import type { Reeve } from '../reeve.ts';
import { notice } from './terminal.ts';

/** The flags of commands that serve. */
export interface ProbeFlags {
  readonly probePort?: number;
  readonly probeHost?: string;
}

/** Answers probes from now on, where that was asked for; before anything is connected, so that an outage is seen. */
export async function answerProbes(reeve: Reeve, { probePort, probeHost }: ProbeFlags): Promise<void> {
  if (probePort === undefined) return;
  const host = probeHost ?? '127.0.0.1';
  const { port } = await reeve.startProbes({ port: probePort, host });
  notice(`probes: http://${host}:${port}/livez /readyz /metrics`);
}
