import type { Buffer } from 'node:buffer'

declare const valid: unique symbol

/**
 * The bytes of exactly one batch that `openBatch` has checked: size, magic, checksum, count, known codec. Opaque to all
 * but this package: nobody rewrites them but by the stamping functions here.
 */
export type ValidBatch = Buffer & { readonly [valid]: 'batch' }

/** Where bytes came from, for errors. */
export interface BatchPlace {
  /** Segment file, or the peer. */
  readonly source: string
  readonly position: number
}
