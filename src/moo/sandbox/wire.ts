const headerBytes = 4;

/** A message as it goes over a pipe: its length in four bytes, then JSON. */
export function encodeMessage(message: object): Buffer {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(body.length);
  return Buffer.concat([header, body]);
}

/** Refused before it is read: no more than the header of a message that is too long is ever kept. */
class MessageTooLong extends Error {}

/** Takes a stream of bytes apart into messages. */
export class MessageReader {
  readonly #longest: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** @throws MessageTooLong, or SyntaxError for what is not JSON. The reader is of no use afterwards. */
  *read(chunk: Buffer): Generator {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= headerBytes) {
      const length = this.#join().readUInt32BE();
      if (length > this.#longest) throw new MessageTooLong(`a message of ${length} bytes`);
      if (this.#size < headerBytes + length) return;
      const all = this.#join();
      const rest = all.subarray(headerBytes + length);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#size = rest.length;
      yield JSON.parse(all.toString('utf8', headerBytes, headerBytes + length)) as unknown;
    }
  }

  #join(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
