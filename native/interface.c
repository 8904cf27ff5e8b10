/* What an interface is, by ioctl: works in the network namespace of the calling thread, needs no /sys. */
#include "addon.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Opens a socket for ioctls and fills in the name; throws and returns -1 when that fails. */
static int open_for(napi_env env, napi_value name, struct ifreq *request)
{
	char text[UVS_MAX_TEXT];
	int fd;

	memset(request, 0, sizeof *request);
	if (!uvs_text(env, name, text))
		return -1;
	if (text[0] == '\0' || strlen(text) >= IFNAMSIZ) {
		uvs_throw(env, "ioctl(SIOCGIFINDEX)", ENODEV, text);
		return -1;
	}
	memcpy(request->ifr_name, text, strlen(text));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		uvs_throw(env, "socket(AF_INET)", errno, NULL);
	return fd;
}

static napi_value fail(napi_env env, int fd, const char *call, const struct ifreq *request)
{
	char name[IFNAMSIZ + 1] = { 0 };
	int error = errno;

	memcpy(name, request->ifr_name, IFNAMSIZ);
	close(fd);
	return uvs_throw(env, call, error, name);
}

/* One ethtool question with a 32-bit answer; `otherwise` when the driver has none. */
static uint32_t ethtool_value(int fd, struct ifreq *request, uint32_t command, uint32_t otherwise)
{
	struct ethtool_value value = { .cmd = command };

	request->ifr_data = (void *)&value;
	return ioctl(fd, SIOCETHTOOL, request) == 0 ? value.data : otherwise;
}

/* Receive queues in use; 1 when the driver has no notion of queues. */
static uint32_t receive_queues(int fd, struct ifreq *request)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	uint32_t count;

	request->ifr_data = (void *)&channels;
	if (ioctl(fd, SIOCETHTOOL, request) != 0)
		return 1;
	count = channels.rx_count + channels.combined_count;
	return count == 0 ? 1 : count;
}

/* interfaceFacts(name): { index, mtu, mac, flags, type, driver, receiveQueues, txChecksum, tso, gro } */
static napi_value interface_facts(napi_env env, napi_callback_info info)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request;
	napi_value argument, facts, mac;
	void *bytes = NULL;
	int fd;

	if (!uvs_arguments(env, info, 1, &argument))
		return NULL;
	fd = open_for(env, argument, &request);
	if (fd < 0)
		return NULL;
	napi_create_object(env, &facts);
	if (ioctl(fd, SIOCGIFINDEX, &request) != 0)
		return fail(env, fd, "ioctl(SIOCGIFINDEX)", &request);
	uvs_set_number(env, facts, "index", request.ifr_ifindex);
	if (ioctl(fd, SIOCGIFMTU, &request) != 0)
		return fail(env, fd, "ioctl(SIOCGIFMTU)", &request);
	uvs_set_number(env, facts, "mtu", request.ifr_mtu);
	if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		return fail(env, fd, "ioctl(SIOCGIFFLAGS)", &request);
	uvs_set_number(env, facts, "flags", (uint16_t)request.ifr_flags);
	if (ioctl(fd, SIOCGIFHWADDR, &request) != 0)
		return fail(env, fd, "ioctl(SIOCGIFHWADDR)", &request);
	uvs_set_number(env, facts, "type", request.ifr_hwaddr.sa_family);
	if (napi_create_arraybuffer(env, 6, &bytes, &mac) == napi_ok) {
		memcpy(bytes, request.ifr_hwaddr.sa_data, 6);
		napi_create_typedarray(env, napi_uint8_array, 6, mac, 0, &mac);
		napi_set_named_property(env, facts, "mac", mac);
	}
	uvs_set_number(env, facts, "receiveQueues", receive_queues(fd, &request));
	uvs_set_boolean(env, facts, "txChecksum", ethtool_value(fd, &request, ETHTOOL_GTXCSUM, 0) != 0);
	uvs_set_boolean(env, facts, "tso", ethtool_value(fd, &request, ETHTOOL_GTSO, 0) != 0);
	uvs_set_boolean(env, facts, "gro", ethtool_value(fd, &request, ETHTOOL_GGRO, 0) != 0);
	request.ifr_data = (void *)&driver;
	driver.driver[0] = '\0';
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		driver.driver[0] = '\0';
	uvs_set_text(env, facts, "driver", driver.driver);
	close(fd);
	return facts;
}

/* setInterfaceUp(name, up) */
static napi_value set_interface_up(napi_env env, napi_callback_info info)
{
	struct ifreq request;
	napi_value arguments[2];
	bool up = false;
	int fd;

	if (!uvs_arguments(env, info, 2, arguments))
		return NULL;
	if (napi_get_value_bool(env, arguments[1], &up) != napi_ok)
		return uvs_throw_type(env, "up must be a boolean");
	fd = open_for(env, arguments[0], &request);
	if (fd < 0)
		return NULL;
	if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		return fail(env, fd, "ioctl(SIOCGIFFLAGS)", &request);
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
		return fail(env, fd, "ioctl(SIOCSIFFLAGS)", &request);
	close(fd);
	return NULL;
}

/* setInterfaceMtu(name, mtu) */
static napi_value set_interface_mtu(napi_env env, napi_callback_info info)
{
	struct ifreq request;
	napi_value arguments[2];
	int64_t mtu;
	int fd;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_int(env, arguments[1], &mtu))
		return NULL;
	fd = open_for(env, arguments[0], &request);
	if (fd < 0)
		return NULL;
	request.ifr_mtu = (int)mtu;
	if (ioctl(fd, SIOCSIFMTU, &request) != 0)
		return fail(env, fd, "ioctl(SIOCSIFMTU)", &request);
	close(fd);
	return NULL;
}

/* setInterfaceAddress(name, address): an IPv4 address as a number in host order, with its own mask of 32 bits. */
static napi_value set_interface_address(napi_env env, napi_callback_info info)
{
	struct sockaddr_in *address;
	struct ifreq request;
	napi_value arguments[2];
	int64_t number;
	int fd;

	if (!uvs_arguments(env, info, 2, arguments) || !uvs_int(env, arguments[1], &number))
		return NULL;
	fd = open_for(env, arguments[0], &request);
	if (fd < 0)
		return NULL;
	memset(&request.ifr_addr, 0, sizeof request.ifr_addr);
	address = (struct sockaddr_in *)&request.ifr_addr;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl((uint32_t)number);
	if (ioctl(fd, SIOCSIFADDR, &request) != 0)
		return fail(env, fd, "ioctl(SIOCSIFADDR)", &request);
	address->sin_addr.s_addr = 0xffffffff;
	if (ioctl(fd, SIOCSIFNETMASK, &request) != 0)
		return fail(env, fd, "ioctl(SIOCSIFNETMASK)", &request);
	close(fd);
	return NULL;
}

/* setTxChecksum(name, on): whether the interface's own stack leaves checksums to the device (ethtool -K name tx on|off). */
static napi_value set_tx_checksum(napi_env env, napi_callback_info info)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq request;
	napi_value arguments[2];
	bool on = false;
	int fd;

	if (!uvs_arguments(env, info, 2, arguments))
		return NULL;
	if (napi_get_value_bool(env, arguments[1], &on) != napi_ok)
		return uvs_throw_type(env, "on must be a boolean");
	fd = open_for(env, arguments[0], &request);
	if (fd < 0)
		return NULL;
	value.data = on;
	request.ifr_data = (void *)&value;
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		return fail(env, fd, "ioctl(ETHTOOL_STXCSUM)", &request);
	close(fd);
	return NULL;
}

void uvs_register_interface(napi_env env, napi_value exports)
{
	static const struct uvs_function FUNCTIONS[] = {
		{ "interfaceFacts", interface_facts },
		{ "setInterfaceUp", set_interface_up },
		{ "setInterfaceAddress", set_interface_address },
		{ "setInterfaceMtu", set_interface_mtu },
		{ "setTxChecksum", set_tx_checksum },
	};

	uvs_register(env, exports, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
