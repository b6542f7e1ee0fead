import { planTopology, type Topology } from '@millrace/streams/internal'

/** The topology for Graphviz: a cluster per sub-topology; topics are ellipses, stores cylinders. */
export function dotTopology(topology: Topology): string {
  const lines = [`digraph ${quoted(topology.name)} {`, '  rankdir=LR', '  node [shape=box]']
  for (const sub of planTopology(topology).subtopologies) {
    lines.push(`  subgraph cluster_${sub.id} {`, `    label=${quoted(`Sub-topology ${sub.id}`)}`)
    for (const { name, kind } of sub.nodes) lines.push(`    ${quoted(name)} [label=${quoted(`${kind}\n${name}`)}]`)
    for (const { spec } of sub.stores) {
      lines.push(`    ${quoted(`store ${spec.name}`)} [label=${quoted(spec.name)}, shape=cylinder]`)
    }
    lines.push('  }')
    for (const node of sub.nodes) {
      for (const parent of node.parents) lines.push(`  ${quoted(parent)} -> ${quoted(node.name)}`)
      if ('store' in node)
        lines.push(`  ${quoted(node.name)} -> ${quoted(`store ${node.store}`)} [style=dashed, dir=none]`)
      if (node.kind !== 'source' && node.kind !== 'sink') continue
      const name = node.topic.internal ? `(${node.topic.name}-repartition)` : node.topic.name
      const topic = quoted(`topic ${name}`)
      lines.push(`  ${topic} [label=${quoted(name)}, shape=ellipse]`)
      lines.push(node.kind === 'source' ? `  ${topic} -> ${quoted(node.name)}` : `  ${quoted(node.name)} -> ${topic}`)
    }
  }
  lines.push('}')
  return `${lines.join('\n')}\n`
}

/** The topology as data: for tools and for comparing two releases. */
export function topologyJson(topology: Topology): unknown {
  const plan = planTopology(topology)
  return {
    name: topology.name,
    fingerprint: topology.fingerprint,
    subtopologies: plan.subtopologies.map(({ id, nodes, sourceTopics, sinkTopics, stores }) => ({
      id,
      sourceTopics,
      sinkTopics,
      nodes: nodes.map((node) => ({
        name: node.name,
        kind: node.kind,
        parents: node.parents,
        ...('store' in node && { store: node.store }),
      })),
      stores: stores.map(({ spec, changelog }) => ({ name: spec.name, kind: spec.kind, changelog: changelog.name })),
    })),
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
