/** Plain counters of one store; whoever reports them takes differences. */
export interface StoreMetrics {
  /** Lookups answered by the cache. */
  hits: number
  /** Lookups the cache had no entry for. */
  misses: number
  /** Misses that went to the engine; the others were known to have nothing there. */
  engineReads: number
  /** Entries in the cache, deleted and absent ones included. */
  entries: number
  /** Clean entries given up by `shrink`. */
  evictions: number
  /** Entries dropped by `expire`. */
  expired: number
}

export function storeMetrics(): StoreMetrics {
  return { hits: 0, misses: 0, engineReads: 0, entries: 0, evictions: 0, expired: 0 }
}
