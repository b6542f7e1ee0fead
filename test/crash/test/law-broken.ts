/** What the suite found wrong. */
export class LawBroken extends Error {
  override readonly name = 'LawBroken'
}
