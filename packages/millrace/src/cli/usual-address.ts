/** Where a server listens unless it is told otherwise, and where a command looks for one. */
export const usualAddress = '127.0.0.1:9092'
