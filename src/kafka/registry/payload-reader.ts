/** The bytes of one record, read from front to back. Reading past the end is a fault of the record. */

/** A record that can't be decoded; the message is the dead letter's reason. */
export class PayloadError extends Error {}

/** Records nest in themselves without an end only in corrupt bytes: far above what people write. */
const MAX_DEPTH = 500;

export class PayloadReader {
  bytes: Buffer = Buffer.alloc(0);
  /** Where the next byte is read, and where the record ends. */
  at = 0;
  end = 0;
  /** The last varint's bits. */
  low = 0;
  high = 0;
  /** The range and the wire type of the last Protobuf value that was stepped over. */
  valueStart = 0;
  valueEnd = 0;
  wireType = 0;
  /** Ranges of the fields of the Protobuf messages under way, outer ones first. */
  slots = new Int32Array(256);
  slotCount = 0;
  /** Bytes of Protobuf messages that were put together from several places. */
  readonly spares: Buffer[] = [];
  #depth = 0;

  open(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.slotCount = 0;
    this.spares.length = 0;
    this.#depth = 0;
  }

  enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new PayloadError(`Records are nested deeper than ${MAX_DEPTH}`);
  }

  leave(): void {
    this.#depth -= 1;
  }

  byte(): number {
    if (this.at >= this.end) throw endsEarly();
    return this.bytes[this.at++] as number;
  }

  /** Steps over `sizeBytes` bytes; where they start. */
  skip(sizeBytes: number): number {
    const start = this.at;
    if (sizeBytes > this.end - start) throw endsEarly();
    this.at = start + sizeBytes;
    return start;
  }

  double(): number {
    return this.bytes.readDoubleLE(this.skip(8));
  }

  float(): number {
    return this.bytes.readFloatLE(this.skip(4));
  }

  /** 64 bits into `low` and `high`. */
  fixed64(): void {
    const start = this.skip(8);
    this.low = this.bytes.readInt32LE(start);
    this.high = this.bytes.readInt32LE(start + 4);
  }

  /** A varint of up to 64 bits into `low` and `high`. */
  varint(): void {
    let byte = this.byte();
    let low = byte & 0x7f;
    let high = 0;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 63) throw new PayloadError("A number is longer than 64 bits");
      byte = this.byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
    }
    this.low = low | 0;
    this.high = high | 0;
  }

  /** The same, of the zigzag encoding: 0, -1, 1, -2 … */
  zigzag(): void {
    this.varint();
    this.unzigzag();
  }

  unzigzag(): void {
    const sign = -(this.low & 1);
    this.low = ((this.low >>> 1) | (this.high << 31)) ^ sign;
    this.high = (this.high >>> 1) ^ sign;
  }

  /** What `zigzag` read as a length or count, which must fit into 31 bits. */
  zigzagSize(): number {
    this.zigzag();
    if (this.high !== 0 || this.low < 0) throw impossibleLength();
    return this.low;
  }

  /** An unsigned varint as a length. */
  varintSize(): number {
    this.varint();
    if (this.high !== 0 || this.low < 0) throw impossibleLength();
    return this.low;
  }
}

function endsEarly(): PayloadError {
  return new PayloadError("The data ends early");
}

function impossibleLength(): PayloadError {
  return new PayloadError("A length or count in the data is impossible");
}
