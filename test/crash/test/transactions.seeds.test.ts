import { holdsOverSeeds } from './seeds-of-the-run.ts'
import { liveTransactions } from './transaction-history.ts'

holdsOverSeeds('test/crash/test/transactions.crash.test.ts', 2000, liveTransactions)
