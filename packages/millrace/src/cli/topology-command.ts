import { drawTopology, printTopology } from '@millrace/streams'
import { dotTopology, topologyJson } from './topology-drawing.ts'
import { loadUserTopology } from './topology-module.ts'

export interface TopologyOptions {
  readonly export: string
  readonly format: 'text' | 'mermaid' | 'dot' | 'json'
}

/** Prints a topology. Nothing runs, no cluster is asked. */
export async function topology(file: string, options: TopologyOptions): Promise<void> {
  const { topology } = await loadUserTopology(file, options.export)
  switch (options.format) {
    case 'text':
      process.stdout.write(`${printTopology(topology)}\n${drawTopology(topology)}`)
      break
    case 'mermaid':
      process.stdout.write(drawTopology(topology))
      break
    case 'dot':
      process.stdout.write(dotTopology(topology))
      break
    case 'json':
      process.stdout.write(`${JSON.stringify(topologyJson(topology), null, 2)}\n`)
  }
}
