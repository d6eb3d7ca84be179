import { describe, expect, it } from '@jest/globals';
import { restoredError } from '../../../src/core/restored-error.ts';
import { backendUnavailable } from '../../../src/index.ts';
import { storeError } from '../../../src/core/stored-error.ts';
import { parseFromSide } from '../../../src/isolation/messages.ts';

const error = storeError(new Error('no'));

describe('what a worker takes from an isolated side', () => {
  it.each([
    { t: 'hello', about: { tasks: ['a'], resources: [], schema: 'reeve', database: 'x' } },
    { t: 'unable', error },
    { t: 'call', run: 1, call: 2, name: 'progress', args: [1, ''] },
    { t: 'log', run: 1, level: 'info', fields: {}, message: '' },
    { t: 'end', run: 1, answer: { kind: 'succeeded', result: null }, memory: 1.5 },
    { t: 'end', run: 1, answer: { kind: 'again', delayMs: 10, poll: null }, memory: 1.5 },
    { t: 'failed', run: 1, error, isAbort: false, memory: 0 },
  ])('is $t as it is', (message) => {
    expect(parseFromSide(message)).toBe(message);
  });

  it.each([
    ['a text', 'hello'],
    ['null', null],
    ['what the code of the app sends itself', { type: 'ready' }],
    ['an unknown word', { t: 'constructor' }],
    ['a completion, which only the worker writes', { t: 'end', run: 1, answer: { kind: 'completed' }, memory: 1 }],
    ['an answer without a step', { t: 'end', answer: { kind: 'succeeded' }, memory: 1 }],
    ['an error that is none', { t: 'failed', run: 1, error: { message: 'no' }, isAbort: false, memory: 1 }],
    ['a log line of no level', { t: 'log', run: 1, level: 'child', fields: {}, message: '' }],
    ['a delay that is none', { t: 'end', run: 1, answer: { kind: 'again', delayMs: Number.NaN }, memory: 1 }],
  ])('is not %s', (_title, message) => {
    expect(parseFromSide(message)).toBeUndefined();
  });
});

describe('an error that has crossed over', () => {
  it.each([
    ['a plain one', new Error('plain')],
    ['one of Reeve', backendUnavailable('busy')],
    ['a passing one', Object.assign(new Error('passing'), { retryable: true })],
    ['a lasting one', Object.assign(new Error('lasting'), { retryable: false })],
    ['a chain', new Error('outer', { cause: new Error('inner') })],
    ['what is none', 'just text'],
  ])('is stored as it would have been: %s', (_title, thrown) => {
    const stored = storeError(thrown);
    expect(storeError(restoredError(stored))).toEqual(stored);
  });
});
