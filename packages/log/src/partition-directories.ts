import { Buffer } from 'node:buffer'
import { type Disk, type Log, partitionName, type Random } from '@millrace/kernel'
import type { StoredTopic } from './data-directory-files.ts'
import type { DeletedFiles } from './deleted-files.ts'

/** Empty directories of a topic's partitions from `from` on, with Kafka's note of whose they are. */
export function makePartitionDirectories(disk: Disk, path: string, topic: StoredTopic, from: number): void {
  for (let partition = from; partition < topic.partitions; partition++) {
    const directory = `${path}/${partitionName(topic.name, partition)}`
    disk.makeDirectory(directory)
    const note = Buffer.from(`version: 0\ntopic_id: ${topic.topicId}`)
    const file = disk.open(`${directory}/partition.metadata`, 'open-or-create')
    file.truncate(note.length)
    file.write(note, 0, note.length, 0)
    file.close()
  }
}

/** Kafka's name of a partition's directory whose topic is deleted; a file's name has 255 bytes. */
export function deletedName(topic: StoredTopic, partition: number): string {
  const suffix = `-${partition}.${topic.topicId}-delete`
  return topic.name.slice(0, 255 - suffix.length) + suffix
}

/**
 * What is left of deleted topics goes. Directories that no topic knows: a creation that did not come to its end leaves empty ones,
 * others are kept under another name.
 */
export function setStraysAside(
  { disk, log, random }: { readonly disk: Disk; readonly log: Log; readonly random: Random },
  path: string,
  topics: ReadonlyMap<string, StoredTopic>,
  deleted: DeletedFiles,
): void {
  const names = disk.list(path)
  deleted.remove(names.filter(isDeletedName).map((name) => `${path}/${name}`))
  for (const name of names) {
    const directory = `${path}/${name}`
    const match = /^(.+)-(\d+)$/.exec(name)
    if (match === null) continue
    const topic = topics.get(match[1]!)
    if (topic !== undefined && Number(match[2]) < topic.partitions) continue
    if (disk.list(directory).length === 0) continue
    const isEmpty = disk.list(directory).every((file) => file === 'partition.metadata')
    log.warn('a directory belongs to no topic', { directory, action: isEmpty ? 'removed' : 'renamed' })
    if (isEmpty) disk.removeTree(directory)
    else disk.rename(directory, `${directory}.${random.uuid()}-stray`)
  }
}

function isDeletedName(name: string): boolean {
  return /^.+\.[\w-]{22}-delete$/.test(name)
}
