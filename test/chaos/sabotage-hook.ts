/** Loaded before everything else in the processes of a sabotaged run: rewrites sources as they are loaded. */
import { sabotageSources } from './sabotage-sources.ts';
import { sabotages } from './sabotages.ts';

const sabotage = sabotages.find(({ name }) => name === process.env['CHAOS_SABOTAGE']);
if (sabotage === undefined) throw new Error('CHAOS_SABOTAGE names no sabotage');

sabotageSources(sabotage.edits);
