import { describeNode, topicText } from './describe.ts'
import type { TopologyNode } from './nodes.ts'
import { planTopology } from './plan.ts'
import type { Topology } from './topology.ts'

/**
 * The topology as text for people and diffs: sub-topologies, nodes in order, what they lead to. Ends with a line break.
 */
export function printTopology(topology: Topology): string {
  const lines = [`Topology ${topology.name} (${topology.fingerprint})`]
  for (const sub of planTopology(topology).subtopologies) {
    lines.push(`  Sub-topology ${sub.id}`)
    for (const node of sub.nodes) {
      const children = sub.nodes.filter((other) => other.parents.includes(node.name)).map((other) => other.name)
      const facts = factsOf(node)
      lines.push(`    ${node.kind} ${node.name}${facts === '' ? '' : ` [${facts}]`}`)
      if (node.parents.length > 0) lines.push(`      <-- ${node.parents.join(', ')}`)
      if (children.length > 0) lines.push(`      --> ${children.join(', ')}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** The topology as a Mermaid flowchart, one box per sub-topology, topics and stores included. */
export function drawTopology(topology: Topology): string {
  const lines = ['flowchart LR']
  const ids = new Map<string, string>()
  const id = (kind: string, name: string) => {
    const key = `${kind}:${name}`
    const known = ids.get(key) ?? `${kind}${ids.size}`
    ids.set(key, known)
    return known
  }
  for (const sub of planTopology(topology).subtopologies) {
    lines.push(`  subgraph sub${sub.id}["Sub-topology ${sub.id}"]`)
    for (const node of sub.nodes) lines.push(`    ${id('n', node.name)}["${node.kind}<br/>${quoted(node.name)}"]`)
    for (const { spec } of sub.stores) lines.push(`    ${id('s', spec.name)}[("${quoted(spec.name)}")]`)
    lines.push('  end')
    for (const node of sub.nodes) {
      for (const parent of node.parents) lines.push(`  ${id('n', parent)} --> ${id('n', node.name)}`)
      if ('store' in node) lines.push(`  ${id('n', node.name)} -.- ${id('s', node.store)}`)
      if (node.kind !== 'source' && node.kind !== 'sink') continue
      const topic = topicText(node.topic)
      const box = `${id('t', topic)}{{"${quoted(topic)}"}}`
      lines.push(node.kind === 'source' ? `  ${box} --> ${id('n', node.name)}` : `  ${id('n', node.name)} --> ${box}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function factsOf(node: TopologyNode): string {
  const { name, kind, parents, ...facts } = describeNode(node)
  return Object.entries(facts)
    .map(([fact, value]) => `${fact} ${value}`)
    .join(', ')
}

function quoted(text: string): string {
  return text.replaceAll('"', '#quot;')
}
