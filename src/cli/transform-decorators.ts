import { readFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

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
    throw new SyntaxError(syntaxMessage(error), { cause: error });
  }
}

/**
 * What is wrong with the syntax of a file, with its place; undefined when nothing is. Node itself does not say where
 * the error in a JavaScript file is.
 */
export function syntaxProblem(file: string): string | undefined {
  try {
    const syntax = isTypeScript.test(file) ? 'typescript' : 'ecmascript';
    swc().parseSync(readFileSync(file, 'utf8'), { syntax, decorators: true, target: 'es2024' });
    return undefined;
  } catch (error) {
    return `in ${file}: ${syntaxMessage(error)}`;
  }
}

/** Only when it is needed: most commands of most apps never see a decorator. */
function swc(): Swc {
  return require('@swc/core') as Swc;
}

/** Without the stack of the compiler. */
function syntaxMessage(error: unknown): string {
  const text = Error.isError(error) ? error.message : String(error);
  return (text.split(/\n+(?:Caused by|Stack backtrace):/)[0] ?? text).trim();
}
