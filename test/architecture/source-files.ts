import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface SourceFile {
  /** From the root of the repository, such as `src/core/ids.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
}

/** Every TypeScript file of ours under `folders`, in the order of their paths. */
export function sourceFiles(...folders: readonly string[]): SourceFile[] {
  return globSync(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: root, exclude: ['**/node_modules/**'] },
  )
    .toSorted((a, b) => a.localeCompare(b))
    .map((path) => {
      const text = readFileSync(`${root}/${path}`, 'utf8');
      return { path, text, lines: text.split('\n').length - 1 };
    });
}
