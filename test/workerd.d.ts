/** The entry that hosts of the "workerd" condition get under the package's own name. */
declare module "adanorm/workerd" {
  export * from "adanorm";
}
