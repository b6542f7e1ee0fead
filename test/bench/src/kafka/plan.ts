/** How much of everything is done. */
export interface Plan {
  readonly rounds: number
  readonly starts: number
  readonly idleS: number
  /** Of 100 B, to each broker, before anything is measured: Apache Kafka grows cheaper over its first millions. */
  readonly warmRecords: number
  readonly smallRecords: number
  readonly largeRecords: number
  /** To each broker, before its memory under load is looked at. */
  readonly loadBytes: number
  readonly latencyRecords: number
  readonly transactions: number
  readonly topics: number
  readonly joins: number
  readonly clientRecords: number
}

export const fullPlan: Plan = {
  rounds: 3,
  starts: 3,
  idleS: 15,
  warmRecords: 8_000_000,
  smallRecords: 5_000_000,
  largeRecords: 2_000_000,
  loadBytes: 7e9,
  latencyRecords: 10_000,
  transactions: 500,
  topics: 30,
  joins: 30,
  clientRecords: 600_000,
}

export const quickPlan: Plan = {
  rounds: 1,
  starts: 1,
  idleS: 3,
  warmRecords: 2_000_000,
  smallRecords: 2_000_000,
  largeRecords: 500_000,
  loadBytes: 1e9,
  latencyRecords: 2_000,
  transactions: 200,
  topics: 15,
  joins: 10,
  clientRecords: 200_000,
}
