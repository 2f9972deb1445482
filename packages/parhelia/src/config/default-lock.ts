import type { Lock } from "./lock-file.ts";

/**
 * What this release of Parhelia was tested with, for users who have no `parhelia.lock` and ask for no
 * version: their builds are reproducible from the first day on.
 */
export const defaultLock: Lock = {
  lockVersion: 1,
  claudeCode: {
    version: "2.1.330",
    platforms: {
      "linux-x64": {
        integrity:
          "sha512-9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6zebIHKmC7OvBauucuAP0X0k85SDN/LPVZyjsGezQ==",
      },
      "linux-arm64": {
        integrity:
          "sha512-V4yanAY5EA5UpwwRPtjSfqDbNqAlUJeVn3NYZw2AgmRHjdpSsLtHAzbxRXfkAnbjwTXzE0uedjQxUY02ARPcsA==",
      },
    },
  },
  bun: {
    version: "1.4.5",
    platforms: {
      "linux-x64": {
        integrity:
          "sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==",
      },
      "linux-arm64": {
        integrity:
          "sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==",
      },
    },
  },
};
