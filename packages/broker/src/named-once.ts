/**
 * What a request asks of each name, and the names that it asks something of twice: Kafka does neither of the two, and
 * answers each such name once.
 */
export function namedOnce<T>(
  asked: readonly T[],
  nameOf: (one: T) => string,
): { readonly once: readonly T[]; readonly twice: readonly T[] } {
  const times = new Map<string, number>()
  for (const one of asked) times.set(nameOf(one), (times.get(nameOf(one)) ?? 0) + 1)
  if (times.size === asked.length) return { once: asked, twice: [] }
  const firsts = asked.filter((one, i) => asked.findIndex((other) => nameOf(other) === nameOf(one)) === i)
  return {
    once: firsts.filter((one) => times.get(nameOf(one)) === 1),
    twice: firsts.filter((one) => times.get(nameOf(one)) !== 1),
  }
}
