/** The default address of a daemon's REST API. */
export const API_HOST = '127.0.0.1'
export const API_PORT = 8082
