import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { defineBackgroundTask, defineReeve, defineTask, type ReeveOptions } from '../../../src/index.ts';

const dataSource = new DataSource({ type: 'postgres', url: 'postgres://localhost/none' });
const define = (options: Partial<ReeveOptions>): unknown => defineReeve({ dataSource, ...options });
const refusal = (options: object): string => {
  try {
    define(options);
    return 'accepted';
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' });
    return String(error);
  }
};

describe('the options of isolation', () => {
  it('are taken as they are meant', () => {
    const { options } = defineReeve({
      dataSource,
      queues: { heavy: { isolation: 'process' }, tasks: {} },
      isolation: { module: import.meta.url, memory: 256 },
    });
    expect(options.isolatedQueues).toEqual({ heavy: 'process' });
    expect(options.isolation).toEqual({
      module: import.meta.url,
      exportName: 'default',
      memory: 256,
      maxTasks: 1_000,
      startTimeoutMs: 30_000,
    });
    expect(define({ isolation: { module: '/srv/app/reeve.config.ts' } })).toMatchObject({
      options: { isolation: { module: 'file:///srv/app/reeve.config.ts' } },
    });
  });

  it.each([
    [
      'another kind for a queue',
      { queues: { heavy: { isolation: 'fibre' } } },
      /queue "heavy" has isolation "fibre"; use one of "thread", "process"/,
    ],
    [
      'none for a queue, which is what it has anyway',
      { queues: { heavy: { isolation: 'none' } } },
      /"none"; use one of/,
    ],
    [
      'a relative module',
      { isolation: { module: './reeve.config.ts' } },
      /isolation\.module is ".\/reeve\.config\.ts"; use import\.meta\.url/,
    ],
    ['too little memory', { isolation: { memory: 8 } }, /isolation\.memory is 8/],
    ['no steps at all', { isolation: { maxTasks: 0 } }, /isolation\.maxTasks is 0/],
    ['an unknown option', { isolation: { modul: 'x' } }, /unknown option "modul" \(did you mean "module"\?\)/],
    [
      'verbs, whose steps are transactional',
      { verbs: {}, queues: { verbs: { isolation: 'process' } } },
      /task "verbs\.parseCode" is transactional, and cannot run in a process \(isolation of the queue "verbs"\)/,
    ],
  ])('refuse %s', (_title, options, words) => {
    expect(refusal(options)).toMatch(words);
  });

  it('of a task refuse another kind', () => {
    const run = (): void => undefined;
    expect(() => defineTask({ name: 'a', run, isolation: 'fork' as 'thread' })).toThrow(
      /task "a" has isolation "fork"; use one of "thread", "process", "none"/,
    );
    expect(defineBackgroundTask({ name: 'b', key: () => 'b', run, isolation: 'thread' })).toMatchObject({
      isolation: 'thread',
    });
  });
});
