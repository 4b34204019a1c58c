/** Where a daemon's REST API is unless told otherwise. */
export const API_HOST = '127.0.0.1'
export const API_PORT = 8082
