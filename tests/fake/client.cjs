// A rule is authorized, read and revoked by the SDK for JavaScript; what it saw is
// printed as JSON. Arguments: host:port, scheme, group ID, key ID, secret.
const ecs = require("@alicloud/ecs20140526");
const { Config } = require("@alicloud/openapi-client");

async function main([endpoint, protocol, securityGroupId, accessKeyId, accessKeySecret]) {
  const regionId = "cn-hangzhou";
  const client = new ecs.default(
    new Config({ endpoint, regionId, accessKeyId, accessKeySecret, protocol }),
  );
  const addressed = { regionId, securityGroupId };
  const permission = { ipProtocol: "tcp", portRange: "22/22", sourceCidrIp: "10.0.0.0/8" };
  await client.authorizeSecurityGroup(
    new ecs.AuthorizeSecurityGroupRequest({ ...addressed, permissions: [permission] }),
  );
  const look = async () => {
    const request = new ecs.DescribeSecurityGroupAttributeRequest(addressed);
    const answer = await client.describeSecurityGroupAttribute(request);
    return answer.body.permissions.permission;
  };
  const [rule] = await look();
  const securityGroupRuleId = [rule.securityGroupRuleId];
  const revoke = new ecs.RevokeSecurityGroupRequest({ ...addressed, securityGroupRuleId });
  await client.revokeSecurityGroup(revoke);
  const code = await client.revokeSecurityGroup(revoke).catch((error) => error.code);
  console.log(JSON.stringify({ ...rule, left: (await look()).length, code }));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.code, error.message);
  process.exit(1);
});
