/**
 * What the spool's two threads share: a lock and a few counters in shared memory.
 *
 * The worker blocks in `read(2)` most of the time and can't take messages then, so the main thread must be
 * able to cut a segment by itself: whoever holds the lock may move the current file on.
 */

const LOCK = 0;
const SEGMENT_NUMBER = 1;
const SIZE = 2;
const WHOLE_BYTES = 3;
const ENDED = 4;
const ANNOUNCED = 5;
const STOPPING = 6;
const CELLS = 7;

export interface SpoolControl {
  readonly memory: SharedArrayBuffer;
  lock(): void;
  unlock(): void;
  /** The number in the current segment's file name. */
  segmentNumber(): number;
  /** Bytes written to the current segment. */
  size(): number;
  /** Bytes of it up to and with its last line feed. */
  wholeBytes(): number;
  hasEnded(): boolean;
  append(sizeBytes: number, wholeBytes: number): void;
  /**
   * Begins the next segment, which already holds `sizeBytes` of an unfinished line. Wakes a waiting worker.
   */
  nextSegment(sizeBytes: number): void;
  /** Before the worker begins: the first segment, and what it holds already. */
  begin(segmentNumber: number, sizeBytes: number, wholeBytes: number): void;
  end(): void;
  /** Asks the worker to read no more. */
  stop(): void;
  isStopping(): boolean;
  /** True once until `takeAnnouncement`: so that one message is enough for many writes. */
  announce(): boolean;
  takeAnnouncement(): void;
  /**
   * Worker only: blocks until the current segment is another one than `segmentNumber`, or `timeoutMs` have
   * passed.
   */
  waitForNextSegment(segmentNumber: number, timeoutMs: number): void;
}

export function spoolControl(memory = new SharedArrayBuffer(CELLS * 4)): SpoolControl {
  const cells = new Int32Array(memory);
  return {
    memory,
    lock() {
      while (Atomics.compareExchange(cells, LOCK, 0, 1) !== 0) Atomics.wait(cells, LOCK, 1);
    },
    unlock() {
      Atomics.store(cells, LOCK, 0);
      Atomics.notify(cells, LOCK, 1);
    },
    segmentNumber: () => Atomics.load(cells, SEGMENT_NUMBER),
    size: () => Atomics.load(cells, SIZE),
    wholeBytes: () => Atomics.load(cells, WHOLE_BYTES),
    hasEnded: () => Atomics.load(cells, ENDED) === 1,
    append(sizeBytes, wholeBytes) {
      Atomics.store(cells, SIZE, sizeBytes);
      Atomics.store(cells, WHOLE_BYTES, wholeBytes);
    },
    nextSegment(sizeBytes) {
      Atomics.store(cells, SIZE, sizeBytes);
      Atomics.store(cells, WHOLE_BYTES, 0);
      Atomics.add(cells, SEGMENT_NUMBER, 1);
      Atomics.notify(cells, SEGMENT_NUMBER);
    },
    begin(segmentNumber, sizeBytes, wholeBytes) {
      Atomics.store(cells, SEGMENT_NUMBER, segmentNumber);
      Atomics.store(cells, SIZE, sizeBytes);
      Atomics.store(cells, WHOLE_BYTES, wholeBytes);
    },
    stop: () => void Atomics.store(cells, STOPPING, 1),
    isStopping: () => Atomics.load(cells, STOPPING) === 1,
    end: () => void Atomics.store(cells, ENDED, 1),
    announce: () => Atomics.exchange(cells, ANNOUNCED, 1) === 0,
    takeAnnouncement: () => void Atomics.store(cells, ANNOUNCED, 0),
    waitForNextSegment: (segmentNumber, timeoutMs) =>
      void Atomics.wait(cells, SEGMENT_NUMBER, segmentNumber, timeoutMs),
  };
}

/** The path of a spool's segment. Numbers have a fixed width so that names sort. */
export function segmentPath(folder: string, segmentNumber: number): string {
  return `${folder}/${String(segmentNumber).padStart(10, "0")}.segment`;
}
