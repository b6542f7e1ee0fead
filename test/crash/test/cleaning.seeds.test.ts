import { liveCleaning } from './cleaning-history.ts'
import { holdsOverSeeds } from './seeds-of-the-run.ts'

holdsOverSeeds('test/crash/test/cleaning.crash.test.ts', 2000, liveCleaning)
