// Run once, by the image, on an empty volume: the service's own user, with no rights but on its database.
db.getSiblingDB("leads").createUser({
  user: "leads",
  pwd: process.env.LEADS_DATABASE_PASSWORD,
  roles: [{ role: "readWrite", db: "leads" }],
});
