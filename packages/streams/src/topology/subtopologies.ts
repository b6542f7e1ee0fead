import type { TopologyNode } from './nodes.ts'

/**
 * Nodes that must run in one task, as lists in build order: connected through edges, or through a store that two of
 * them use. Repartition topics connect nothing: the records go over the log. Numbered in the order of their first
 * nodes.
 */
export function connectedComponents(nodes: readonly TopologyNode[]): TopologyNode[][] {
  const leader = new Map<string, string>(nodes.map((node) => [node.name, node.name]))
  const storeUser = new Map<string, string>()
  const find = (name: string): string => {
    let root = name
    for (let up = leader.get(root)!; up !== root; up = leader.get(root)!) root = up
    leader.set(name, root)
    return root
  }
  const join = (a: string, b: string) => leader.set(find(a), find(b))

  for (const node of nodes) {
    for (const parent of node.parents) join(node.name, parent)
    if (!('store' in node)) continue
    const user = storeUser.get(node.store)
    if (user === undefined) storeUser.set(node.store, node.name)
    else join(node.name, user)
  }

  const components = new Map<string, TopologyNode[]>()
  for (const node of nodes) {
    const root = find(node.name)
    const component = components.get(root)
    if (component === undefined) components.set(root, [node])
    else component.push(node)
  }
  return [...components.values()]
}
