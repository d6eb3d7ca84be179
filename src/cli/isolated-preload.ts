/** Imported in threads and processes for isolated steps before the config: they import decorated classes as the command does. */
import { transformDecorators } from './transform-decorators.ts';

transformDecorators();
