import { readFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { shown } from './shown-path.ts';

type Swc = Pick<typeof import('@swc/core'), 'parseSync' | 'transformSync'>;

const require = createRequire(import.meta.url);

/** Lines of comments are left out; whatever else looks like a decorator is transformed, which never does harm. */
const decorator = /^(?!\s*(?:\*|\/\/)).*?(?:^|[\s(,;{])@[A-Za-z_$]/m;
const moduleSyntax = /^\s*(?:import|export)\b/m;
const isTypeScript = /\.[mc]?ts$/;

/** Files of the app in the order in which they were loaded, for error messages. */
export interface LoadedFiles {
  readonly files: readonly string[];
}

/**
 * Lets Node import the decorated TypeScript classes of an app, such as TypeORM entities. Files without decorators are
 * left to Node's own type stripping; files in node_modules are left alone.
 *
 * It lasts until the process ends, since an app may import files at any time. Legacy decorators with metadata is what
 * TypeORM needs; stack traces lead to the lines of the sources.
 */
export function transformDecorators(): LoadedFiles {
  const files: string[] = [];
  process.setSourceMapsEnabled(true);
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith('file:') || url.includes('/node_modules/')) return nextLoad(url, context);
      const file = fileURLToPath(url);
      files.push(file);
      if (!isTypeScript.test(file)) return nextLoad(url, context);
      const text = readFileSync(file, 'utf8');
      if (!decorator.test(text)) return nextLoad(url, context);
      const isModule = !file.endsWith('.cts') && moduleSyntax.test(text);
      return { format: isModule ? 'module' : 'commonjs', source: transform(file, text, isModule), shortCircuit: true };
    },
  });
  return { files };
}

function transform(file: string, text: string, isModule: boolean): string {
  try {
    const { code } = swc().transformSync(text, {
      filename: file,
      configFile: false,
      swcrc: false,
      isModule,
      sourceMaps: 'inline',
      jsc: {
        target: 'es2024',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
      ...(isModule ? { module: { type: 'es6' } } : {}),
    });
    return code;
  } catch (error) {
    throw new SyntaxError(described(file, error), { cause: error });
  }
}

/**
 * Where the syntax of a file is wrong; undefined when it is right. Node itself does not say it for JavaScript files.
 */
export function syntaxProblem(file: string): string | undefined {
  try {
    const syntax = isTypeScript.test(file) ? 'typescript' : 'ecmascript';
    swc().parseSync(readFileSync(file, 'utf8'), { syntax, decorators: true, target: 'es2024' });
    return undefined;
  } catch (error) {
    return described(file, error).split('\n').slice(1).join('\n');
  }
}

/** Only when it is needed: most commands of most apps never see a decorator. */
function swc(): Swc {
  return require('@swc/core') as Swc;
}

/** What is wrong, `at FILE:LINE`, and the compiler's picture of the place, without the compiler's own stack. */
function described(file: string, error: unknown): string {
  const text = Error.isError(error) ? error.message : String(error);
  const [report = text] = text.split(/\n+(?:Caused by|Stack backtrace):/);
  const line = /-\[(?:.*:)?(\d+):\d+\]/.exec(report)?.[1];
  const [what = '', ...picture] = report.trimEnd().split('\n');
  const place = `at ${shown(file)}${line === undefined ? '' : `:${line}`}`;
  const shownLines = picture.filter((part) => !/^\s*(?:,-\[|╭─|`-|╰─)/.test(part));
  return [what.replace(/^\s*[x×]\s*/, ''), place, ...shownLines].join('\n');
}
