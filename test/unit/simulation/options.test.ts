import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { edited } from '../../chaos/sabotages.ts';
import { parseSimulationOptions } from '../../simulation/simulation-options.ts';
import { simulationSabotages } from '../../simulation/simulation-sabotages.ts';

describe('what a simulation is asked for', () => {
  it('is one seed, or seeds for some minutes, with a crash before or after a boundary or at each', () => {
    expect(parseSimulationOptions(['--seed', '7'])).toMatchObject({ seed: 7, minutes: undefined, crashAt: undefined });
    expect(parseSimulationOptions(['--minutes', '2'])).toMatchObject({ minutes: 2 });
    expect(parseSimulationOptions(['--crash-at', '17'])).toMatchObject({ crashAt: { boundary: 17, when: 'before' } });
    expect(parseSimulationOptions(['--crash-at', '17+'])).toMatchObject({ crashAt: { boundary: 17, when: 'after' } });
    expect(parseSimulationOptions(['--crash-at', 'each'])).toMatchObject({ crashAt: 'each' });
    expect(parseSimulationOptions(['--sabotage', 'list'])).toBe('list');
  });

  it.each([
    ['--seed', 'x'],
    ['--seed', '-1'],
    ['--minutes', '0'],
    ['--crash-at', '0'],
    ['--crash-at', 'all'],
    ['--trace', '0'],
  ])('is refused where it is %s %s', (name, value) => {
    expect(() => parseSimulationOptions([name, value])).toThrow(name);
  });

  it('may not be a guard that only matters inside of one transaction', () => {
    expect(() => parseSimulationOptions(['--sabotage', 'no-throttle-lock'])).toThrow(/--sabotage list/);
  });
});

it.each(simulationSabotages.map((sabotage) => [sabotage.name, sabotage] as const))(
  'the sabotage %s still finds the guard that it takes out',
  (_name, { edits }) => {
    expect(edits.length).toBeGreaterThan(0);
    for (const edit of edits) {
      const text = readFileSync(new URL(`../../../${edit.file}`, import.meta.url), 'utf8');
      expect(edited(text, edit)).not.toBe(text);
    }
  },
);
