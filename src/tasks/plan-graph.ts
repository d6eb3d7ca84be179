import type { StepDraft } from '../executions/step-plan.ts';
import { referenceTo } from './plan-references.ts';

export type DraftNode = Omit<StepDraft, 'position' | 'openPredecessors' | 'next'>;

/** What a mapping gets as `previous`: one step, or the last steps of the members of a group, or nothing. */
type Previous = number | readonly Previous[] | null;

interface Place {
  readonly tails: readonly number[];
  readonly previous: Previous | undefined;
}

/** Which steps a gate decides about: positions of the first and the last of each side, and the join behind both. */
interface GateSides {
  readonly yes: readonly [number, number] | null;
  readonly no: readonly [number, number] | null;
}

/**
 * The steps of a plan and what each waits for. Steps are numbered in the order in which they are written, so every step
 * has a higher number than all that it waits for, and the steps of one branch are a range.
 */
export class PlanGraph {
  readonly #nodes: { node: DraftNode; readonly predecessors: number[] }[] = [];
  /** What the next step waits for. */
  #tails: readonly number[] = [];
  #previous: Previous | undefined;

  get size(): number {
    return this.#nodes.length;
  }

  /** The stand-in for the result before the next step; undefined when nothing comes before it. */
  previous(): unknown {
    return this.#previous === undefined ? undefined : standIn(this.#previous);
  }

  /** Adds a step behind the present place, which it becomes. */
  add(node: DraftNode): number {
    const position = this.#nodes.length;
    this.#nodes.push({ node, predecessors: [...this.#tails] });
    this.#tails = [position];
    this.#previous = position;
    return position;
  }

  /** The position of the last step that was added at the present place, for its name; undefined after a group or gate. */
  last(): number | undefined {
    return typeof this.#previous === 'number' ? this.#previous : undefined;
  }

  /** Adds the branches side by side and a join behind them; answers the first steps of the branches and the join. */
  group(branches: readonly (() => void)[], join: DraftNode): { entries: (number | undefined)[]; join: number } {
    const start: Place = { tails: this.#tails, previous: this.#previous };
    const tails: number[] = [];
    const results: Previous[] = [];
    const entries = branches.map((branch) => {
      this.#goTo(start);
      const first = this.#nodes.length;
      branch();
      const isEmpty = this.#nodes.length === first;
      if (!isEmpty) tails.push(...this.#tails);
      results.push(isEmpty ? null : (this.#previous ?? null));
      return isEmpty ? undefined : first;
    });
    this.#tails = tails.length === 0 ? start.tails : tails;
    const position = this.add(join);
    this.#previous = results;
    return { entries, join: position };
  }

  /**
   * Adds a gate, the side that follows when it says yes, the one when it says no, and a join behind both. A side
   * without steps leads from the gate to the join.
   */
  gate(gate: DraftNode, sides: { yes: () => void; no: () => void }, join: DraftNode): void {
    const position = this.add(gate);
    const start: Place = { tails: [position], previous: this.#previous };
    const side = (build: () => void): readonly [number, number] | null => {
      this.#goTo(start);
      const first = this.#nodes.length;
      build();
      return this.#nodes.length === first ? null : [first, this.#nodes.length - 1];
    };
    const yes = side(sides.yes);
    const yesTails = this.#tails;
    const no = side(sides.no);
    this.#tails = [...new Set([...yesTails, ...this.#tails])];
    const joined = this.add(join);
    this.#previous = null;
    const decided: GateSides & { join: number } = { yes, no, join: joined };
    const added = this.#nodes[position];
    if (added !== undefined) added.node = { ...added.node, effects: { ...added.node.effects, gate: decided } };
  }

  /** How many steps of a range wait for nothing else in it: more than one where a branch begins with a group. */
  entriesBetween(first: number, last: number): number {
    const range = this.#nodes.slice(first, last + 1);
    return range.filter(({ predecessors }) => predecessors.every((predecessor) => predecessor < first)).length;
  }

  /** Changes a step that is there already. */
  change(position: number, change: (node: DraftNode) => DraftNode): void {
    const added = this.#nodes[position];
    if (added !== undefined) added.node = change(added.node);
  }

  /** All steps with their numbers; what is left at the present place leads to the last one. */
  finish(end: DraftNode): readonly StepDraft[] {
    this.add(end);
    const next = this.#nodes.map((): number[] => []);
    for (const [position, { predecessors }] of this.#nodes.entries()) {
      for (const predecessor of predecessors) next[predecessor]?.push(position);
    }
    return this.#nodes.map(({ node, predecessors }, position) => ({
      ...node,
      position,
      openPredecessors: predecessors.length,
      next: next[position] ?? [],
    }));
  }

  #goTo(place: Place): void {
    this.#tails = place.tails;
    this.#previous = place.previous;
  }
}

function standIn(previous: Previous): unknown {
  if (previous === null) return null;
  return typeof previous === 'number' ? referenceTo(previous) : previous.map(standIn);
}
