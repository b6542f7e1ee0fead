import { defineSource } from '@millrace/connect-api'
import { checkFileSource, type FileSourceConfig, fileSourceSchema } from './file-source-config.ts'
import { ParquetTask } from './parquet-task.ts'
import { TextTask } from './text-task.ts'

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
  start: (context) => (context.config.format === 'parquet' ? ParquetTask.open(context) : new TextTask(context)),
})
