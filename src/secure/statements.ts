import type { Envelope } from './envelope.ts';

/** What is kept of one answer to a survey. */
interface Branch {
  bytes: number;
  /** In the order in which they came. */
  readonly authors: string[];
}

interface Kept {
  readonly statement: Envelope;
  readonly bytes: number;
  branch: Branch;
}

/** An envelope without its data, and an id in a list. */
const statementBytes = 400;
const idBytes = 56;

/**
 * What nodes say of their neighbours, one statement for each node, gathered from the answers of several neighbours. Past
 * the bound the answer that is kept most of gives something up: with ever new ids one neighbour crowds out itself.
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
   * Whether there is a statement of its author already. The same one counts for the answer that is kept less of, so that
   * it does not go when the other one has to give up something.
   *
   * @param from whose answer it is of.
   */
  has({ author, hash }: Envelope, from: string): boolean {
    const kept = this.#kept.get(author);
    if (kept === undefined) return false;
    const branch = this.#branchOf(from);
    if (kept.statement.hash === hash && branch.bytes < kept.branch.bytes) this.#move(author, kept, branch);
    return true;
  }

  /** Keeps a statement that is proven, and that it does not have. */
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
    // A statement may count for another answer by now.
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
