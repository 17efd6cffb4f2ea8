/** A choice of one among a few, side by side. */

interface Segment<Id extends string> {
  readonly id: Id;
  readonly text: string;
  readonly title?: string;
}

export function Segments<Id extends string>(props: {
  label: string;
  /** Of the group, unlike any other on the page. */
  name: string;
  segments: readonly Segment<Id>[];
  chosen: Id | undefined;
  choose: (id: Id) => void;
  isFixed?: boolean;
}) {
  const { label, name, segments, chosen, choose, isFixed = false } = props;
  return (
    <fieldset class="segments" aria-label={label} disabled={isFixed}>
      {segments.map(({ id, text, title }) => (
        <label key={id} title={title}>
          <input type="radio" name={name} checked={id === chosen} onChange={() => choose(id)} />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}
