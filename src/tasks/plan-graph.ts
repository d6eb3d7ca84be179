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
  /** The number of the first step; what has a lower one is of the plan that these steps are added to. */
  readonly #base: number;
  /** What the next step waits for. */
  #tails: readonly number[] = [];
  #previous: Previous | undefined;

  /** @param after - For steps that are added to a plan: their first number, and the step that adds them. */
  constructor(after?: { readonly base: number; readonly position: number }) {
    this.#base = after?.base ?? 0;
    this.#previous = after?.position;
  }

  /** The number of the next step. */
  get next(): number {
    return this.#base + this.#nodes.length;
  }

  get size(): number {
    return this.#nodes.length;
  }

  /** The stand-in for the result before the next step; undefined when nothing comes before it. */
  previous(): unknown {
    return this.#previous === undefined ? undefined : standIn(this.#previous);
  }

  /** Adds a step behind the present place, which it becomes. */
  add(node: DraftNode): number {
    const position = this.next;
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
      const first = this.next;
      branch();
      const isEmpty = this.next === first;
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
   * Adds the two sides that a step decides between, and a join behind both: one that follows when it says yes, one when
   * it says no. A side without steps leads from the step to the join.
   */
  decide(position: number, sides: { yes: () => void; no: () => void }, join: DraftNode): void {
    const start: Place = { tails: [position], previous: this.#previous };
    const side = (build: () => void): readonly [number, number] | null => {
      this.#goTo(start);
      const first = this.next;
      build();
      return this.next === first ? null : [first, this.next - 1];
    };
    const yes = side(sides.yes);
    const yesTails = this.#tails;
    const no = side(sides.no);
    this.#tails = [...new Set([...yesTails, ...this.#tails])];
    const joined = this.add(join);
    this.#previous = null;
    const gate: GateSides & { join: number } = { yes, no, join: joined };
    this.change(position, (node) => ({ ...node, effects: { ...node.effects, gate } }));
  }

  /** Puts a step in front of a part and one behind it; what comes after gets the result of the part. */
  around(first: DraftNode, build: () => void, last: DraftNode): { first: number; last: number } {
    const before = this.#previous;
    const start = this.add(first);
    this.#previous = before;
    build();
    const result = this.#previous;
    const end = this.add(last);
    this.#previous = result;
    return { first: start, last: end };
  }

  /** How many steps of a range wait for nothing else in it: more than one where a branch begins with a group. */
  entriesBetween(first: number, last: number): number {
    const range = this.#nodes.slice(first - this.#base, last - this.#base + 1);
    return range.filter(({ predecessors }) => predecessors.every((predecessor) => predecessor < first)).length;
  }

  /** Changes a step that is there already. */
  change(position: number, change: (node: DraftNode) => DraftNode): void {
    const added = this.#nodes[position - this.#base];
    if (added !== undefined) added.node = change(added.node);
  }

  /** All steps with their numbers; what is left at the present place leads to the last one. */
  finish(end: DraftNode): readonly StepDraft[] {
    this.add(end);
    const next = this.#nodes.map((): number[] => []);
    for (const [index, { predecessors }] of this.#nodes.entries()) {
      for (const predecessor of predecessors) next[predecessor - this.#base]?.push(this.#base + index);
    }
    return this.#nodes.map(({ node, predecessors }, index) => ({
      ...node,
      position: this.#base + index,
      openPredecessors: predecessors.length,
      next: next[index] ?? [],
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
