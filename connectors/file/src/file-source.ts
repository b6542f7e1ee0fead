import { defineSource } from '@millrace/connect-api'
import { checkFileSource, type FileSourceConfig, fileSourceSchema } from './file-source-config.ts'

/** Reads a file into a topic: lines, JSON lines, CSV, Parquet. Goes on where it was after a restart. One task. */
export const fileSource = defineSource<FileSourceConfig>({
  name: 'file-source',
  config: fileSourceSchema,
  aliases: [
    {
      className: 'org.apache.kafka.connect.file.FileStreamSourceConnector',
      options: { file: 'path' },
      defaults: { format: 'lines', follow: true },
    },
  ],
  check: checkFileSource,
  // The readers, with their libraries, are loaded by the task that needs them, not by every worker that knows the
  // connector.
  async start(context) {
    if (context.config.format === 'parquet') return (await import('./parquet-task.ts')).ParquetTask.open(context)
    const { TextTask } = await import('./text-task.ts')
    return new TextTask(context)
  },
})
