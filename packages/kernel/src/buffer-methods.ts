declare global {
  /** Node's fast, bounds-taking text methods, present since Node 4 and missing from its types. */
  interface Buffer {
    utf8Slice(from?: number, to?: number): string
    latin1Slice(from?: number, to?: number): string
    utf8Write(text: string, at?: number, length?: number): number
    latin1Write(text: string, at?: number, length?: number): number
  }
}

export type BufferMethods = 'utf8Slice' | 'latin1Slice' | 'utf8Write' | 'latin1Write'
