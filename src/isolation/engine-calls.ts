import { ReeveError } from '../core/errors.ts';
import type { StepEngine } from '../executors/step-engine.ts';
import type { StoredError } from '../core/stored-error.ts';

type Question = (engine: StepEngine, args: readonly unknown[]) => Promise<unknown>;

/** What a step may ask its worker from another thread or process, and how the worker answers it. */
const questions = {
  progress: (engine, [percent, note]) => engine.progress(percent as number, note as string),
  storedPlan: (engine) => engine.storedPlan(),
  expansion: (engine, [position]) => engine.expansion(position as number),
  nextPosition: (engine) => engine.nextPosition(),
  startAll: (engine, [task, inputs]) => engine.startAll(task as string, inputs as []),
  look: (engine, [ref]) => engine.observations.look(ref as Ref),
  save: (engine, [ref, version, fields]) =>
    engine.observations.save(ref as Ref, version as string, fields as Record<string, unknown>),
  mark: (engine, [ref, error]) => engine.observations.mark(ref as Ref, error as StoredError),
  forget: (engine, [ref]) => engine.observations.forget(ref as Ref),
} as const satisfies Readonly<Record<string, Question>>;

type QuestionName = keyof typeof questions;
type Ref = Parameters<StepEngine['observations']['forget']>[0];

/** @throws EXECUTION_CORRUPT for what may not be asked. */
export async function answerQuestion(engine: StepEngine, name: string, args: readonly unknown[]): Promise<unknown> {
  if (Object.hasOwn(questions, name)) return (questions[name as QuestionName] as Question)(engine, args);
  throw new ReeveError('EXECUTION_CORRUPT', `an isolated step asked for "${name}", which does not exist`);
}

/** The engine for a step that runs elsewhere: every question goes to its worker. */
export function remoteEngine(ask: (name: QuestionName, args: readonly unknown[]) => Promise<unknown>): StepEngine {
  const asked =
    <T>(name: QuestionName) =>
    (...args: readonly unknown[]): Promise<T> =>
      ask(name, args) as Promise<T>;
  const refuse = async (): Promise<never> => {
    throw new ReeveError('ISOLATION_REFUSED', 'this step has to run in its worker, and was given to another thread');
  };
  return {
    progress: asked('progress'),
    storedPlan: asked('storedPlan'),
    expansion: asked('expansion'),
    nextPosition: asked('nextPosition'),
    startAll: asked('startAll'),
    observations: { look: asked('look'), save: asked('save'), mark: asked('mark'), forget: asked('forget') },
    child: refuse,
    transaction: { complete: refuse, isCompleted: refuse },
  };
}
