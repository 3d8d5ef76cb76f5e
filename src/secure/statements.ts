import type { Envelope } from './envelope.ts';

/** The statements that count for one neighbour's answer to a survey. */
interface Branch {
  bytes: number;
  /** The authors of the statements, in the order in which they came. Some may count for another answer by now. */
  readonly authors: string[];
}

interface Kept {
  readonly statement: Envelope;
  readonly bytes: number;
  branch: Branch;
}

/** Bytes of an envelope without its data, and of an id in a list. */
const statementBytes = 400;
const idBytes = 56;

/**
 * What nodes state about their neighbours, one statement for each node, gathered from the answers of several
 * neighbours. When the statements exceed the bound, the answer that takes the most bytes loses its latest one. So a
 * neighbour that invents ids drives out only its own statements.
 */
export class Statements {
  readonly #maxBytes: number;
  readonly #kept = new Map<string, Kept>();
  readonly #branches = new Map<string, Branch>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get all(): Envelope[] {
    return Array.from(this.#kept.values(), ({ statement }) => statement);
  }

  /**
   * Whether there is already a statement of this author. If it is the same statement, it counts for the smaller of the
   * two answers from now on, so that it is not lost when the larger one has to lose something.
   *
   * @param from the id of the neighbour whose answer has the statement.
   */
  has({ author, hash }: Envelope, from: string): boolean {
    const kept = this.#kept.get(author);
    if (kept === undefined) return false;
    const branch = this.#branchOf(from);
    if (kept.statement.hash === hash && branch.bytes < kept.branch.bytes) this.#move(author, kept, branch);
    return true;
  }

  /** Keeps a proven statement of an author who has none yet. */
  add(statement: Envelope, neighbours: number, from: string): void {
    const bytes = statementBytes + idBytes * neighbours;
    const branch = this.#branchOf(from);
    const kept = { statement, bytes, branch };
    this.#kept.set(statement.author, kept);
    this.#bytes += bytes;
    branch.bytes += bytes;
    branch.authors.push(statement.author);
    while (this.#bytes > this.#maxBytes) this.#evictOne();
  }

  #branchOf(from: string): Branch {
    const known = this.#branches.get(from);
    if (known !== undefined) return known;
    const branch = { bytes: 0, authors: [] };
    this.#branches.set(from, branch);
    return branch;
  }

  #move(author: string, kept: Kept, branch: Branch): void {
    kept.branch.bytes -= kept.bytes;
    kept.branch = branch;
    branch.bytes += kept.bytes;
    branch.authors.push(author);
  }

  #evictOne(): void {
    const branch = [...this.#branches.values()].reduce((one, other) =>
      other.bytes > one.bytes ? other : one,
    );
    let author = branch.authors.pop()!;
    // Skips statements that count for another answer by now, or are gone.
    while (this.#kept.get(author)?.branch !== branch) author = branch.authors.pop()!;
    this.#forget(author, branch);
  }

  #forget(author: string, branch: Branch): void {
    const { bytes } = this.#kept.get(author)!;
    this.#kept.delete(author);
    this.#bytes -= bytes;
    branch.bytes -= bytes;
  }
}
