import { get } from 'node:http';
import { expect, it } from '@jest/globals';
import pg from 'pg';
import { describeOnBrokers, testServerUrl } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { hang, hold } from './fixture-app/app.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { ReeveProcess } from './reeve-process.ts';

async function ask(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  return { status: response.status, text: await response.text() };
}

async function probesOf(worker: ReeveProcess): Promise<string> {
  const [, url] = await worker.says(/probes: (http:\/\/\S+)\/livez/);
  return url ?? '';
}

describeOnBrokers('the probes of a worker', (broker) => {
  it('tell that it lives and takes work, and count what it does', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    await using worker = new ReeveProcess(['worker', '--probe-port', '0'], { environment: fixture.environment });
    const url = await probesOf(worker);
    await eventually(async () => expect((await ask(`${url}/readyz`)).status).toBe(200));
    expect(await ask(`${url}/livez`)).toEqual({ status: 200, text: 'ok\n' });
    const { executionId } = await fixture.reeve.execute(hold);
    await fixture.held(executionId);
    await fixture.release(executionId);
    await fixture.reeve.result(executionId, { timeout: '60s' });
    await eventually(async () => {
      const { status, text } = await ask(`${url}/metrics`);
      expect(status).toBe(200);
      expect(text).toMatch(/^reeve_step_attempts_total\{queue="tasks",task="hold",outcome="succeeded"\} 1$/m);
      expect(text).toMatch(/^reeve_step_attempt_seconds_count\{queue="tasks"\} 1$/m);
      expect(text).toMatch(/^reeve_queue_workers\{queue="tasks"\} 1$/m);
      expect(text).toMatch(/^reeve_loop_lag_seconds\{loop="relay"\} \d/m);
      expect(text).toMatch(/^reeve_event_loop_silent_seconds \d/m);
    });
    expect((await ask(`${url}/nothing`)).status).toBe(404);
    // What is no path must not end the thread.
    const { hostname, port } = new URL(url);
    for (const path of ['//', 'http://[', '/livez?x=1']) {
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      get({ hostname, port, path }, (response) => resolve(response.resume().statusCode)).on('error', reject);
      expect([path, await promise]).toEqual([path, path.startsWith('/livez') ? 200 : 404]);
    }
    expect((await ask(`${url}/livez`)).status).toBe(200);
  });

  it('fail readiness, not liveness, while PostgreSQL cannot be reached, and recover', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    await using worker = new ReeveProcess(['worker', '--probe-port', '0'], { environment: fixture.environment });
    const url = await probesOf(worker);
    await eventually(async () => expect((await ask(`${url}/readyz`)).status).toBe(200));
    const database = new URL(fixture.url).pathname.slice(1);
    const admin = new pg.Client({ connectionString: testServerUrl() });
    await admin.connect();
    await admin.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, [database]);
    await eventually(async () => {
      const { status, text } = await ask(`${url}/readyz`);
      expect([status, text]).toEqual([503, expect.stringMatching(/has failed for \d+ s/)]);
    });
    expect((await ask(`${url}/livez`)).status).toBe(200);
    await admin.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
    await admin.end();
    await eventually(async () => expect((await ask(`${url}/readyz`)).status).toBe(200));
  });

  it('go on answering while the event loop hangs, and fail liveness', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    await using worker = new ReeveProcess(['worker', '--probe-port', '0'], { environment: fixture.environment });
    const url = await probesOf(worker);
    await eventually(async () => expect((await ask(`${url}/readyz`)).status).toBe(200));
    await fixture.reeve.execute(hang);
    await eventually(async () => {
      const { status, text } = await ask(`${url}/livez`);
      expect([status, text]).toEqual([503, expect.stringMatching(/the event loop has been blocked for \d+ s/)]);
    });
    const { text } = await ask(`${url}/metrics`);
    expect(Number(/^reeve_event_loop_silent_seconds ([\d.]+)$/m.exec(text)?.[1])).toBeGreaterThan(1);
  });

  it('say at once when their port is taken', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    await using worker = new ReeveProcess(['beat', '--probe-port', '0'], { environment: fixture.environment });
    const { port } = new URL(await probesOf(worker));
    await using second = new ReeveProcess(['beat', '--probe-port', port], { environment: fixture.environment });
    expect(await second.end()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/error PROBES_UNAVAILABLE: .*EADDRINUSE[\s\S]*next: /),
    });
  });
});
