/**
 * What a request asks of each name, and the names that it asks something of twice: Kafka does neither of the two, and
 * answers each such name once.
 */
export function namedOnce<T>(
  asked: readonly T[],
  nameOf: (one: T) => string,
): { readonly once: readonly T[]; readonly twice: readonly T[] } {
  if (asked.length <= 1) return { once: asked, twice: [] }
  const firsts = new Map<string, T>()
  const repeated = new Set<string>()
  for (const one of asked) {
    const name = nameOf(one)
    if (firsts.has(name)) repeated.add(name)
    else firsts.set(name, one)
  }
  if (repeated.size === 0) return { once: asked, twice: [] }
  const once: T[] = []
  const twice: T[] = []
  for (const [name, one] of firsts) (repeated.has(name) ? twice : once).push(one)
  return { once, twice }
}

/**
 * The first of each name. An answer that tells a lot of a name tells it once: else a small request that repeats one
 * would be answered with gigabytes.
 */
export function distinct<T>(asked: readonly T[], nameOf: (one: T) => string): readonly T[] {
  if (asked.length <= 1) return asked
  const firsts = new Map<string, T>()
  for (const one of asked) {
    const name = nameOf(one)
    if (!firsts.has(name)) firsts.set(name, one)
  }
  return firsts.size === asked.length ? asked : [...firsts.values()]
}
