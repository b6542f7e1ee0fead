export * from './disk.ts'
export * from './net.ts'
