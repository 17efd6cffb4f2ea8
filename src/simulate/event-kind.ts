/** What the generator knows of quotes, trades and access logs. */

export interface EventKind {
  /** The first line of the stream, where its format has one. */
  readonly header: string | undefined;
  /** Goes on to the next event, which happens at `timeMs`, never before the last one. */
  draw(timeMs: number): void;
  /** The line of the event drawn last, ASCII, without its line feed. Asking again gives the same. */
  line(): string;
}
