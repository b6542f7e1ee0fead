/** A serde could not read a key or value. */
export class UnreadableRecord extends Error {
  override readonly name = 'UnreadableRecord'
}
