import fs from 'node:fs'
import { type KafkaReport, kafkaTable } from './kafka/kafka-table.ts'
import type { NexmarkReport } from './nexmark/nexmark-report.ts'
import { nexmarkTables } from './nexmark/nexmark-table.ts'
import type { PeerReport } from './nexmark/peer-report.ts'
import { type Report, reportTables } from './report.ts'
import { readResults } from './results-folder.ts'

interface Section {
  readonly title: string
  readonly prose: string
  /** Undefined: nothing was measured yet, and the section is left out. */
  readonly tables: () => string | undefined
}

function suite(name: string): () => string | undefined {
  return () => {
    const report = readResults<Report>(name)
    return report === undefined ? undefined : reportTables(report)
  }
}

const sections: readonly Section[] = [
  {
    title: 'The main job',
    prose: `Three million flights from Parquet through a join, two windowed aggregates and four sinks, to the last
row in PostgreSQL, in one process beside its database (\`examples/flights\`). The clock starts with the
process.`,
    tables: suite('main-job'),
  },
  {
    title: 'Nexmark',
    prose: `Queries of the Nexmark suite over bids of about 200 bytes of JSON. The input is loaded completely first;
the clock runs from the first RUNNING of all stream threads until every partition of the input and of the
repartition topics is committed to its end. Two stream threads, four partitions, state in lmdb with
changelogs, acks=all, a commit each second, 10 MiB of cache. Every value is parsed and every output newly
written, but for \`q0-raw\`, which is q0 as a program would write it: its values are never looked at, so
their bytes are copied on. Another process then reads the output topic over TCP, and its result is
compared with one that plain loops over the input files come to. CPU seconds count user and system time
of the stream threads and of the engine or broker together, from RUNNING; \`others\` is what other
processes of the machine took meanwhile: where it is large, events/s of two rows cannot be compared, and
CPU seconds can.`,
    tables() {
      const report = readResults<NexmarkReport>('nexmark')
      return report === undefined ? undefined : nexmarkTables(report, readResults<PeerReport>('nexmark-kafka-streams'))
    },
  },
  {
    title: 'Beside Apache Kafka',
    prose: `Our broker (\`millrace server\`, a process of its own) and Apache Kafka on the same machine, in one run,
taking turns. Apache Kafka does not sync before it acknowledges, so ours stands there twice: with its
default, which does, and with \`acks.all.sync=false\`, for which the aims are. Both have taken the same
millions of records before anything is measured. The load is Kafka's own: ProducerPerformance,
ConsumerPerformance and EndToEndLatency with the client's defaults, topics of six partitions; joins and
transactions by a Java program over Kafka's client, transactions by our producer too, topics by our
admin. CPU is the broker's, from /proc, and what a busy neighbour changes least. Medians of the rounds,
with the lowest and the highest. The rows of clients in Node are all against Apache Kafka: kafkajs stands
in the column of Apache Kafka, the client that is compared with it in the last. A join is timed from subscribe to the
call that tells the assignment; the row below it has the same exchanges (two connections, Metadata, FindCoordinator,
JoinGroup twice, SyncGroup) by a bare client: that much is the broker's, the rest Java's own time on either. A proxy
in between that notes when each request and each answer passes says the same: of a join at ours Java waits for its
exchanges, none longer than about a millisecond, and is at work for two thirds of the time. What it does between them
takes more than half of Apache Kafka's whole join: a broker that answered in no time would be at 0.53, not at 0.5.

What a consumer fetches Apache Kafka has the system send from the file, unread (sendfile). Ours is read, each batch is
checked against its checksum, and sent, out of memory that is used again: of its processor time for 1 KiB records about
half is sending, a fifth the checksums, a seventh reading. Java's consumer asks a broker for more only when it has
gone through all it got, 6 MiB here, so how soon an answer is ready counts in its rate as well: reading and checking
are done before it asks, while it is busy with the last answer.

What a producer sends is read from the socket into memory that is used again, checked (its checksum, each of its
records), and written batch by batch, before its answer. Of the processor time for requests of three batches of 15
records of 1 KiB a third is the file system taking the batches (a batch is a call; four in one would take a third less),
a tenth sending the answers, a tenth reading and its copy, and none of the rest more than two hundredths. A Node program
that only receives the same bytes, writes each 64 KiB as they come to a file and answers, takes 0.9 s a million records
where the broker takes 2.3 s, beside a busy machine.`,
    tables() {
      const report = readResults<KafkaReport>('kafka')
      return report === undefined ? undefined : kafkaTable(report)
    },
  },
  {
    title: 'The engine',
    prose: `One producer or consumer on one partition. Over loopback client and engine share a thread; else the
client is in a worker, and the rate per CPU second counts both. Appended records are acknowledged: at
acks=all when they are synced to the disk.`,
    tables: suite('engine'),
  },
  {
    title: "kafkajs's API",
    prose: `The same program, with \`@millrace/kafkajs\` and with kafkajs, against a broker in a process of its own:
rate and CPU are the client's. A run of the consumer joins a fresh group, reads all records, commits and leaves.`,
    tables: suite('kafkajs'),
  },
  {
    title: 'Latency',
    prose: `Appends at a steady pace that does not wait for answers. A record's time runs from when it was due to its
acknowledgement, so a stall is counted for every record that it held up. At acks=all an append waits for
a sync of the disk. The CPU seconds hold those of the sender, which never sleeps.`,
    tables: suite('latency'),
  },
  {
    title: 'Start and memory',
    prose: `A Node process of its own each time, on an empty directory.`,
    tables: suite('start'),
  },
  {
    title: 'Many partitions',
    prose: `One log directory, no broker, a process of its own for each number of partitions; processor time of
the process, user and system. Batches of 16 kB go to one partition, then to all of them in turn, so that with
10,000 each is met again after 160 MB of others: nothing of it is in a cache. The same writes and reads over
as many plain files, without any log, say what of that is the system's: its inodes and pages are as far away.
All log files stay open here; beyond half of the process's limit (\`ulimit -n\`) a file that is used again costs
an open and a close more.`,
    tables: suite('partitions'),
  },
  {
    title: 'Stream tasks',
    prose: `What one thread carries: a task is fed batches as they come from a fetch, and what it writes is encoded
into batches with their checksums, and let go.`,
    tables: suite('task'),
  },
  {
    title: 'Record batches',
    prose: `Encoding and decoding beside kafkajs, on the same bytes.`,
    tables: suite('record'),
  },
]

const head = `# Benchmarks

Written by \`npm run bench -- --write\` from \`test/bench/results/*.json\`; the text is in \`test/bench/src/page.ts\`.

Contenders take turns, round after round, so that a machine that slows down slows all of them; three
rounds warm up. The rate is the median round's, by the wall clock. The rate per CPU second is by the
processor time of the whole process, all threads, and is what a busy neighbour changes least: where
slowest and fastest round lie far apart the machine was busy, and only that rate tells.
`

/** The whole page, from the results that lie there. */
export function renderPage(): string {
  const parts = [head]
  for (const { title, prose, tables } of sections) {
    const text = tables()
    if (text !== undefined) parts.push(`## ${title}\n\n${prose}\n\n${text}`)
  }
  return parts.join('\n')
}

export function writePage(): void {
  const page = new URL('../../../docs/benchmarks.md', import.meta.url)
  fs.mkdirSync(new URL('.', page), { recursive: true })
  fs.writeFileSync(page, renderPage())
}
