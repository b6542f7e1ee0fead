import type { LogDirectory, TopicRecord } from '@millrace/log/internal'
import { zeroUuid } from '@millrace/protocol/internal'

/** Topics by what a request has of them: an id from newer clients, a name from all others. */
export class TopicNames {
  readonly #directory: LogDirectory
  readonly #byId = new Map<string, string>()
  #isFresh = false

  constructor(directory: LogDirectory) {
    this.#directory = directory
  }

  byId(topicId: string): TopicRecord | undefined {
    const known = this.#byId.get(topicId)
    const topic = known === undefined ? undefined : this.#directory.topic(known)
    if (topic?.topicId === topicId) return topic
    this.#refresh()
    const found = this.#byId.get(topicId)
    return found === undefined ? undefined : this.#directory.topic(found)
  }

  /** Once a turn, in which no topic comes or goes: a request may have many ids that nobody knows. */
  #refresh(): void {
    if (this.#isFresh) return
    this.#isFresh = true
    queueMicrotask(() => {
      this.#isFresh = false
    })
    this.#byId.clear()
    for (const { name, topicId } of this.#directory.topics()) this.#byId.set(topicId, name)
  }

  /** By id where one is given, else by name. */
  resolve(topicId: string, name: string | null): TopicRecord | undefined {
    if (topicId !== zeroUuid) return this.byId(topicId)
    return name === null ? undefined : this.#directory.topic(name)
  }
}
