import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { faultNames } from '../../chaos/faults.ts';
import { edited, sabotages } from '../../chaos/sabotages.ts';

describe('sabotages of the chaos suite', () => {
  it.each(sabotages.map((sabotage) => [sabotage.name, sabotage] as const))(
    '%s still finds the guard that it takes out',
    (_name, { edits }) => {
      expect(edits.length).toBeGreaterThan(0);
      for (const edit of edits) {
        const text = readFileSync(new URL(`../../../${edit.file}`, import.meta.url), 'utf8');
        expect(edited(text, edit)).not.toBe(text);
      }
    },
  );

  it('are met by faults that there are', () => {
    expect(sabotages.flatMap(({ faults }) => faults).filter((name) => !faultNames.includes(name))).toEqual([]);
  });

  it('refuses to run without effect', () => {
    const edit = { file: 'src/x.ts', from: 'a guard', to: '' };
    expect(() => edited('no such text', edit)).toThrow(/out of date/);
    expect(() => edited('a guard and a guard', edit)).toThrow(/out of date/);
  });
});
