/** What all groups take of one kind of memory, against its bound. */
export class GroupMemory {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whoever takes no more than before always has it. */
  hasRoom(moreBytes: number): boolean {
    return moreBytes <= 0 || this.#bytes + moreBytes <= this.#bytesMax
  }

  /** So many bytes more, or less. */
  changed(bytes: number): void {
    this.#bytes += bytes
  }
}
