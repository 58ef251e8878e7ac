/** Publications packed into one buffer: length of the subject (2 bytes), length of the data (4), subject, data. */

const headBytes = 6;

/** One publication of a parcel. */
export interface Entry {
  readonly subject: string;
  readonly data: Uint8Array;
  /** The same as it stands in the parcel, to be put into another one. */
  readonly packed: Uint8Array;
}

/** Collects publications. A subject is ASCII, as `subjectToken` makes it. */
export class Parcel {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(subject: string, data: Uint8Array): void {
    const head = Buffer.allocUnsafe(headBytes + subject.length);
    head.writeUInt16LE(subject.length, 0);
    head.writeUInt32LE(data.length, 2);
    head.write(subject, headBytes, 'latin1');
    this.addPacked(head);
    if (data.length > 0) this.addPacked(data);
  }

  /** What was read from another parcel. */
  addPacked(packed: Uint8Array): void {
    this.#parts.push(packed);
    this.#bytes += packed.length;
  }

  /** All of it as one buffer; it is empty then. */
  take(): Buffer {
    const buffer = Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    return buffer;
  }
}

export function* entriesOf(parcel: Uint8Array): Iterable<Entry> {
  const buffer = Buffer.from(parcel.buffer, parcel.byteOffset, parcel.byteLength);
  for (let at = 0; at < buffer.length;) {
    const subjectAt = at + headBytes;
    const dataAt = subjectAt + buffer.readUInt16LE(at);
    const end = dataAt + buffer.readUInt32LE(at + 2);
    const subject = buffer.toString('latin1', subjectAt, dataAt);
    yield { subject, data: buffer.subarray(dataAt, end), packed: buffer.subarray(at, end) };
    at = end;
  }
}
